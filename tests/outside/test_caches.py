"""HTTP caches between the API and an application server: right to the second, across the end of an extension."""

import json

from devkit.builders import TERMS
from tests.conftest import Cloud
from tests.outside.conftest import PARTS, VENV, access, run


def test_a_cache_that_honours_the_age_is_right_to_the_second(cloud: Cloud) -> None:
    """requests-cache answers most of the calls, and none a second after the end with the limits of before."""
    account = cloud.an_account(extension_terms=TERMS | {"duration": "PT15S"})
    extension = cloud.extend(account)
    given = access(cloud, account.id) | {"ENDS_AT": extension["ends_at"]}
    met = json.loads(run([VENV / "bin" / "python", PARTS / "cache.py"], **given))
    assert met[0][1:] == [4, False]
    assert met[-1][1] == 2
    assert not [total for after_end, total, _ in met if after_end >= 1 and total != 2]
    assert sum(from_cache for _, _, from_cache in met) > len(met) / 2
