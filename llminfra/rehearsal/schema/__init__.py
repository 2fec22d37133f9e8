"""Provider schemas, derived from the installed CDKTF provider packages and cached.

``typescript`` reads one generated module, ``package`` reads a provider package, ``cache`` keeps the result,
``model`` is the result, ``wire`` turns it into the plugin protocol's messages, ``conform`` fits a value to it.
"""
