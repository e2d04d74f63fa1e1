module crashsim

go 1.26.0

require github.com/aymanbagabas/go-udiff v0.4.1
