"""Made by `make generate`: the API description, the schemas of events, the licences of what ships."""
