"""Write the files that are made of the code, but for the component and the README."""

import logging

from generate import deployer, licences, openapi, schemas

logging.disable()
for made in (deployer, licences, openapi):
    made.FILE.write_text(made.text())
schemas.write()
