"""HTTP as all faces share it: routes, middlewares, requests, responses, errors, metrics and traces."""
