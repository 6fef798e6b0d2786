"""How the project is deployed: image, compose file, Kubernetes manifests, dashboards, alerts, topics, sizing."""
