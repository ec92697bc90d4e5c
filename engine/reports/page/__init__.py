"""The report as one page of HTML, which needs nothing else: no script, no font, no picture from elsewhere."""
