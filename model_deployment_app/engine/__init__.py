"""Runs predictors. Knows no protocols, no storage, no settings."""
