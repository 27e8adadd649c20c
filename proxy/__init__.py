"""The OpenAI side and the front door: the app, the commands, metering and relay."""
