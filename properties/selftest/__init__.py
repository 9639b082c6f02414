"""Tests of the machinery: that the checks catch what they must, and that the command and the files do as they say."""
