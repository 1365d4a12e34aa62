"""What serves published papers in Rollmill, as a package that uses `rollmill.methods` alone."""
