"""A release in a cluster, through the helm and kubectl of whoever deploys. Knows nothing of serving."""
