"""What `make generate` writes: the API description, the schemas of events, the licences of what ships."""
