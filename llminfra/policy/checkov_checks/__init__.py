"""llminfra's rules for plain checkov: ``checkov -d cdktf.out --external-checks-dir <this folder>``.

``python -c "import llminfra.policy.checkov_checks as c; print(c.__path__[0])"`` prints the folder. Nothing here imports
checkov until checkov loads the files.
"""
