"""The error browser of ``chengxin evaluate --html``: one page in one file."""
