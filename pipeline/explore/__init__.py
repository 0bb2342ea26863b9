"""`beed explore`: pages about one store for a browser on this computer, made by a server on loopback.

Pages are made here, as HTML and SVG; a browser gets what is shown and a little JavaScript of ours. Nothing is
written, and nothing is asked of any other address. A page is a function that takes a `Visit` and gives a
`Reply`, and a line in `pipeline.explore.routes.ROUTES`.
"""
