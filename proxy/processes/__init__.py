"""What runs: workers, the writer, the parent that watches over them."""
