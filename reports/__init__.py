"""What the province sees: indicators, industry reports, exports. It only reads."""
