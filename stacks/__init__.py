"""What is provisioned: typed settings, one component per capability, and the one place that builds IAM statements."""
