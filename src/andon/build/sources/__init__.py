"""What `pack` takes: a model in the form in which its author has it. One module a form, one contract for all."""
