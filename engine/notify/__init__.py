"""Telling people when something breaks, and when it is over: once each, by webhook, Slack, Teams, or what Apprise knows."""
