"""What a host does itself during a deployment: swap, verify, put back, remember.

It is one zip file, /usr/local/bin/scanops-host, made of the standard library alone: an air-gapped host
needs nothing but the Python that Ansible asks for (3.8 or later), and an operator there has the same
commands.
"""
