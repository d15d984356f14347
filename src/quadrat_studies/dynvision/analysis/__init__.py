"""What tests say: their answers and responses in one table, and measures of it. Without torch.

`process_test → aggregate → traces → measured → summarise`.
"""
