"""What makes this repository a program: settings in, the components declared, outputs out."""
