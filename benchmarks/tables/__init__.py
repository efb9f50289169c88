"""Tables from a CSV file: how well ``chainrule fit`` does beside scikit-learn, and how quickly on a million rows."""
