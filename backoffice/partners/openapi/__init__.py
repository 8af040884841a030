"""The API's documentation, made of what the API itself runs on: OpenAPI 3.1, Swagger UI, a page to start with.

`inspector` makes an operation of what a view says of its method (`api.operations`), `schemas` an object of what the
contract, a projection or a column says of an entity, `values` a value of a kind; `document` is the whole, in one
language. Nothing here repeats the contract: what changes there changes here.
"""
