module alliance/jaeger

go 1.25
