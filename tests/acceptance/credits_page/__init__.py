"""The Credits page of `tollgate up`, in a real browser. A package, so that it shares one stack."""
