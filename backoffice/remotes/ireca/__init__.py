"""iRECA Courier: its wire contract (`contract`) and a method for each of its endpoints (`client`)."""
