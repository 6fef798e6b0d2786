"""The JSON API, version 1, as other people's programs rely on it. Each module is one group of routes."""

from __future__ import annotations

from fastapi import APIRouter

from api.v1 import check, complaints, events, flags, search, subjects, titles

router = APIRouter(prefix="/api/v1")
for module in (check, events, flags, complaints, subjects, search, titles):
    router.include_router(module.router)
