"""How extensions are used, and whom to call: one page of HTML and a list, out of the table or an export of it.

| module     | does                                                                                 |
|------------|--------------------------------------------------------------------------------------|
| sources.py | reads: a scan at a bounded rate, or the files of an export; names only when asked to |
| spool.py   | puts what was read in order by account, on disk: the memory used stays as it is      |
| facts.py   | counts, by the product's own rules; picks whom to call                               |
| page.py    | writes the page and the list                                                         |
"""
