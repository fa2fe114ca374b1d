module github.com/embermetrics/ember/examples/routers

go 1.26.0

replace github.com/embermetrics/ember => ../../

require (
	github.com/embermetrics/ember v0.0.0-00010101000000-000000000000
	github.com/go-chi/chi/v5 v5.5.0
	github.com/gorilla/mux v1.8.1
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/klauspost/compress v1.20.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)
