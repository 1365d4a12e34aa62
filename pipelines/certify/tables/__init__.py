"""The data of the suites: tables of cases, written for this suite. No logic beyond building texts."""
