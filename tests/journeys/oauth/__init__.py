"""Other people's OAuth clients sign a person in for a gateway: from the 401 to a tool's answer."""
