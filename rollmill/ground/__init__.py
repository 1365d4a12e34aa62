"""Ground of every package: records, ids, errors, pools of rollouts, and what files and processes need."""
