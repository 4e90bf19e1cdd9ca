"""The description of everything that is served, as an OpenAPI 3.1 document made from the types and settings in use."""
