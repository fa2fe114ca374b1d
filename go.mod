module github.com/embermetrics/ember

go 1.26.0

require github.com/stretchr/testify v1.12.1

require (
	github.com/klauspost/compress v1.20.1 // indirect
	github.com/prometheus/common v0.72.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
