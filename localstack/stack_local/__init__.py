"""AWS on this machine: a provider plug-in for the LocalStack community runtime.

`python -m stack_local --port N --state-dir DIR` starts one; see README.md.
"""
