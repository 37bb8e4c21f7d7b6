"""Automation, run for real: workflows under act, the Jenkinsfile under JenkinsPipelineUnit."""
