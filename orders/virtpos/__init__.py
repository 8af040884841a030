"""VirtPos (seed 001): its orders become ours, its customers our clients and back, our discount cards become its own.

`reader` reads; `arriving` puts an order into our terms with what `mapping` knows of VirtPos's codes; `succession` finds
out which order it is; `reapplying` does it again when a mapping was changed. `customers` merges customers, `enrolment`
tells VirtPos of ours, `cards` of discount cards. `shown` is what people are told. What is used of the document and
what is assumed: docs/virtpos.md.
"""
