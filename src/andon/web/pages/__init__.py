"""The page of the service for people: one template, words in two languages, modules of JavaScript, one stylesheet."""
