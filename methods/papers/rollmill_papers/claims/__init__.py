"""Claims and published numbers of papers, checked on pools: the verb `rollmill claims` and the page Claims."""
