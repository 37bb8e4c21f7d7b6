"""A fake of the service, as small as the tests of deployment need it."""
