"""Arithmetic on arrays that returns named values, and the plots of them."""
