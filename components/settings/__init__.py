"""Everything a stack may say: one typed model, a module a section, with its checks."""
