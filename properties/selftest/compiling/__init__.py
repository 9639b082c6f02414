"""Tests of what reads compiled models."""
