"""Tests of zoo/shards: what is found is the same whoever finds it."""
