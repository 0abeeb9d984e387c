"""Takes a fitted estimator to a dependable endpoint on Kubernetes."""
