"""Methods of published papers on mixtures and allocation: which rows make a set, and which arm gets the next draws."""
