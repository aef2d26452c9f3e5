"""One file a page: reads the address, asks for data, puts components together."""
