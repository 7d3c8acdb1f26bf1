"""Businesses, opening hours, slots and bookings."""
