"""What pages are made of: files by others are as they were published."""

from __future__ import annotations

import hashlib
from pathlib import Path

import quadrat.web
from quadrat.web import asset

VENDOR = Path(quadrat.web.__file__).parent / "vendor"
SUMS = "SHA256SUMS"


def test_files_by_others_are_as_published_and_have_their_licences() -> None:
    told = dict(reversed(line.split()) for line in asset(f"vendor/{SUMS}").splitlines())
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in VENDOR.iterdir() if file.name != SUMS}
    assert found == told
    for library in ("uPlot", "tabulator"):
        assert "Permission is hereby granted" in asset(f"vendor/{library}.LICENSE")


def test_files_can_stand_in_a_page() -> None:
    for file in ("charts.js", "vendor/uPlot.iife.min.js", "vendor/uPlot.min.css"):
        text = asset(file)
        assert not any(end in text.lower() for end in ("</script", "<!--", "</style", "sourcemappingurl")), file
        assert not any(maker in text for maker in ("eval(", "new Function", ".innerHTML", "cssText")), file
