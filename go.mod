module github.com/embermetrics/ember

go 1.26.0
