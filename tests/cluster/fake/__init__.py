"""A small Kubernetes API in this process: what helm and kubectl ask of one, and strict where it matters.

Objects are validated as a real API server's strict field validation does; Deployments get ReplicaSets and pods
from a controller that decides by the image's tag how they fare.
"""
