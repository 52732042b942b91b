struct plan { int x; };
