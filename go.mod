module crashsim

go 1.26
